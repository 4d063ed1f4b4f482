# LWP::Authen::OAuth2 as it is configured by default: logs in, and revokes the token.
# Usage: login.pl URL CLIENT_ID CLIENT_SECRET PASSWORD
use strict;
use warnings;
use JSON;
use LWP::Authen::OAuth2;

my ($url, $id, $secret, $password) = @ARGV;
my $oauth = LWP::Authen::OAuth2->new(
    client_id               => $id,
    client_secret           => $secret,
    token_endpoint          => "$url/oauth/token",
    authorization_endpoint  => "$url/oauth/authorize",
    request_required_params => [qw(client_id client_secret grant_type username password)],
);
# The module's error does not contain the status.
my $status;
my $agent = $oauth->user_agent;
$agent->add_handler(response_done => sub { $status = $_[0]->code; return });

my $worked = eval {
    $oauth->request_tokens(grant_type => 'password', username => 'alice', password => $password);
    1;
};
if (!$worked) {
    my ($error) = $@ =~ /OAuth2 error: (\w+)/ or die $@;
    print encode_json({ status => $status + 0, error => $error });
    exit;
}
my $token = decode_json($oauth->token_string)->{access_token};
# The module has no revocation (RFC 7009).
my $revoked = $agent->post("$url/oauth/revoke", { token => $token, client_id => $id, client_secret => $secret });
die $revoked->status_line if !$revoked->is_success;
print encode_json({ token => $token });
