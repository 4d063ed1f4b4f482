// Package main logs in and revokes the token with golang.org/x/oauth2 as it is configured by default, or verifies an
// ID token with go-oidc.
//
// Usage: clients login|id-token URL CLIENT_ID CLIENT_SECRET PASSWORD
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	mode, issuer, id, secret, password := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	// AuthStyle is unset: the library detects how the server wants the secret.
	config := oauth2.Config{
		ClientID:     id,
		ClientSecret: secret,
		Endpoint:     oauth2.Endpoint{TokenURL: issuer + "/oauth/token"},
	}
	result := map[string]any{}
	if mode == "id-token" {
		result = verified(config, issuer, password)
	} else {
		token, err := config.PasswordCredentialsToken(context.Background(), "alice", password)
		var refused *oauth2.RetrieveError
		switch {
		case errors.As(err, &refused):
			result["status"], result["error"] = refused.Response.StatusCode, refused.ErrorCode
		case err != nil:
			log.Fatal(err)
		default:
			revoke(issuer, id, secret, token.AccessToken)
			result["token"] = token.AccessToken
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

// The library has no revocation (RFC 7009).
func revoke(issuer, id, secret, token string) {
	form := strings.NewReader(url.Values{"token": {token}}.Encode())
	request, err := http.NewRequest(http.MethodPost, issuer+"/oauth/revoke", form)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
}

func verified(config oauth2.Config, issuer, password string) map[string]any {
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		log.Fatal(err)
	}
	config.Endpoint, config.Scopes = provider.Endpoint(), []string{oidc.ScopeOpenID}
	token, err := config.PasswordCredentialsToken(ctx, "alice", password)
	if err != nil {
		log.Fatal(err)
	}
	sent := fmt.Sprint(token.Extra("id_token"))
	claims, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, sent)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "another"}).Verify(ctx, sent); err == nil {
		log.Fatal("an ID token for another client was accepted")
	}
	user, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		log.Fatal(err)
	}
	return map[string]any{"sub": claims.Subject, "userinfo": user.Subject}
}
