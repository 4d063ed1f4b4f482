# The oauth2 gem as it is configured by default: logs in, and revokes the token.
# Usage: login.rb URL CLIENT_ID CLIENT_SECRET PASSWORD
require 'json'
require 'oauth2'

url, id, secret, password = ARGV
client = OAuth2::Client.new(id, secret, site: url, token_url: '/oauth/token')
begin
  token = client.password.get_token('alice', password).token
rescue OAuth2::Error => e
  puts({ status: e.response.status, error: e.code }.to_json)
else
  # The gem has no revocation (RFC 7009). Its Authenticator sends the secret as its token requests do.
  parameters = OAuth2::Authenticator.new(id, secret, client.options[:auth_scheme]).apply({ 'token' => token })
  client.request(:post, '/oauth/revoke', body: parameters)
  puts({ token: token }.to_json)
end
