import com.nimbusds.oauth2.sdk.ResourceOwnerPasswordCredentialsGrant;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.TokenRevocationRequest;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.ClientSecretPost;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jwt.JWT;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.net.URI;
import java.util.Map;
import net.minidev.json.JSONObject;

/**
 * Nimbus's OAuth 2.0 SDK logs in and revokes the token, or verifies an ID token.
 *
 * Usage: Clients login-basic|login-post|id-token URL CLIENT_ID CLIENT_SECRET PASSWORD
 */
public class Clients {
    public static void main(String[] arguments) throws Exception {
        String mode = arguments[0];
        String issuer = arguments[1];
        ClientID id = new ClientID(arguments[2]);
        Secret secret = new Secret(arguments[3]);
        var grant = new ResourceOwnerPasswordCredentialsGrant("alice", new Secret(arguments[4]));
        ClientAuthentication authentication =
                mode.equals("login-post") ? new ClientSecretPost(id, secret) : new ClientSecretBasic(id, secret);
        Map<String, Object> result = mode.equals("id-token")
                ? verified(issuer, id, authentication, grant)
                : login(issuer, authentication, grant);
        System.out.println(JSONObject.toJSONString(result));
    }

    private static Map<String, Object> login(
            String issuer, ClientAuthentication authentication, ResourceOwnerPasswordCredentialsGrant grant)
            throws Exception {
        HTTPResponse answer = new TokenRequest(URI.create(issuer + "/oauth/token"), authentication, grant)
                .toHTTPRequest().send();
        TokenResponse parsed = TokenResponse.parse(answer);
        if (!parsed.indicatesSuccess()) {
            return Map.of("status", answer.getStatusCode(), "error", parsed.toErrorResponse().getErrorObject().getCode());
        }
        var token = parsed.toSuccessResponse().getTokens().getAccessToken();
        new TokenRevocationRequest(URI.create(issuer + "/oauth/revoke"), authentication, token)
                .toHTTPRequest().send().ensureStatusCode(200);
        return Map.of("token", token.getValue());
    }

    private static Map<String, Object> verified(
            String issuer, ClientID id, ClientAuthentication authentication, ResourceOwnerPasswordCredentialsGrant grant)
            throws Exception {
        OIDCProviderMetadata provider = OIDCProviderMetadata.resolve(new Issuer(issuer));
        HTTPResponse answer = new TokenRequest(provider.getTokenEndpointURI(), authentication, grant, new Scope("openid"))
                .toHTTPRequest().send();
        var tokens = OIDCTokenResponse.parse(answer).getOIDCTokens();
        JWT sent = tokens.getIDToken();
        String subject = validator(provider, id).validate(sent, null).getSubject().getValue();
        try {
            validator(provider, new ClientID("another")).validate(sent, null);
            throw new IllegalStateException("an ID token for another client was accepted");
        } catch (BadJOSEException expected) {
            // As it should be.
        }
        HTTPResponse userinfo = new UserInfoRequest(provider.getUserInfoEndpointURI(), tokens.getAccessToken())
                .toHTTPRequest().send();
        var user = UserInfoResponse.parse(userinfo).toSuccessResponse().getUserInfo();
        return Map.of("sub", subject, "userinfo", user.getSubject().getValue());
    }

    private static IDTokenValidator validator(OIDCProviderMetadata provider, ClientID id) throws Exception {
        return new IDTokenValidator(provider.getIssuer(), id, JWSAlgorithm.ES256, provider.getJWKSetURI().toURL());
    }
}
