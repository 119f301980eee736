"""An OAuth 2.0 provider on loopback, by Authlib: authorization code with PKCE, device flow,
client credentials, JWT bearer, refresh with rotation, revocation, introspection, discovery.

Usage: oauth_provider.py FOLDER [CERTIFICATE KEY], with TLS where it has these. Prints its port. Every login is alice's. What the tests want
to know and to change is below /test.
"""

import json
import os
import ssl
import sys
import threading
import time
from wsgiref.simple_server import WSGIRequestHandler, make_server
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin, ClientMixin, TokenMixin, grants)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import (
    DEVICE_CODE_GRANT_TYPE, DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialDict)
from authlib.jose import JsonWebKey
from flask import Flask, jsonify, request

folder = sys.argv[1]
app = Flask(__name__)
lock = threading.RLock()
state = {
    "lifetime": 3600,       # of access tokens, in seconds
    "device_lifetime": 600,
    "delay": 0,             # before a refresh is answered, in seconds
    "deny": False,          # what the browser's user says
    "fail": 0,              # so many token requests are answered with 503
    "log": [],              # grant types asked for at the token endpoint
}
tokens, codes, devices, grants_of = [], {}, {}, {}


class Client(ClientMixin):
    def __init__(self, client_id, secret, methods, kinds):
        self.client_id, self.secret, self.methods, self.kinds = client_id, secret, methods, kinds

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_redirect_uri(self, uri):
        return uri.startswith("http://127.0.0.1:") and uri.endswith("/")

    def has_client_secret(self):
        return bool(self.secret)

    def check_client_secret(self, secret):
        return self.secret == secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method in self.methods

    def check_response_type(self, kind):
        return kind == "code"

    def check_grant_type(self, kind):
        return kind in self.kinds


clients = {
    "pillarbox-tests": Client("pillarbox-tests", "", ["none"], [
        "authorization_code", "refresh_token", DEVICE_CODE_GRANT_TYPE]),
    "robot": Client("robot", "r0bot-secret", ["client_secret_basic"], ["client_credentials"]),
    "service": Client("service", "", ["none"], [JWTBearerGrant.GRANT_TYPE]),
}


class Token(TokenMixin):
    def __init__(self, client_id, token, user):
        self.client_id, self.user = client_id, user
        self.access, self.refresh = token["access_token"], token.get("refresh_token")
        self.scope = token.get("scope", "")
        self.expires = time.time() + token["expires_in"]
        self.revoked = self.spent = False

    def check_client(self, client):
        return self.client_id == client.client_id

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return max(0, int(self.expires - time.time()))

    def is_expired(self):
        return self.expires <= time.time()

    def is_revoked(self):
        return self.revoked


class Code(dict, AuthorizationCodeMixin):
    def get_redirect_uri(self):
        return self["redirect_uri"]

    def get_scope(self):
        return self["scope"]


def save_token(token, asked):
    with lock:
        tokens.append(Token(asked.client.client_id, token, asked.user or "alice"))


def find(**wanted):
    with lock:
        for token in tokens:
            if all(getattr(token, name) == value for name, value in wanted.items()):
                return token


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def save_authorization_code(self, code, asked):
        with lock:
            codes[code] = Code(
                code=code, client_id=asked.client.client_id, redirect_uri=asked.redirect_uri,
                scope=asked.scope or "", user=asked.user,
                challenge=asked.data.get("code_challenge"),
                method=asked.data.get("code_challenge_method"))

    def query_authorization_code(self, code, client):
        found = codes.get(code)
        return found if found and found["client_id"] == client.client_id else None

    def delete_authorization_code(self, code):
        codes.pop(code["code"], None)

    def authenticate_user(self, code):
        return code["user"]


class Challenge(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def get_authorization_code_challenge(self, code):
        return code["challenge"]

    def get_authorization_code_challenge_method(self, code):
        return code["method"]


class Refresh(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, text):
        time.sleep(state["delay"])
        with lock:
            found = find(refresh=text)
            if not found or found.revoked:
                return None
            if found.spent:
                # Used twice: whoever has the newer one is not to be trusted either
                # (RFC 9700 section 4.14.2).
                for token in tokens:
                    token.revoked = True
                return None
            return found

    def authenticate_user(self, credential):
        return credential.user

    def revoke_old_credential(self, credential):
        credential.spent = True


class Device(DeviceCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def query_device_credential(self, code):
        found = devices.get(code)
        return DeviceCredentialDict(found) if found else None

    def query_user_grant(self, user_code):
        said = grants_of.get(user_code)
        return None if said is None else ("alice", said)

    def should_slow_down(self, credential):
        with lock:
            return devices[credential["device_code"]].pop("slow_down", False)


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    CLIENT_AUTH_METHODS = ["none"]
    INTERVAL = 1

    @property
    def EXPIRES_IN(self):
        return state["device_lifetime"]

    def get_verification_uri(self):
        return f"{origin}/activate"

    def save_device_credential(self, client_id, scope, data):
        with lock:
            devices[data["device_code"]] = dict(
                data, client_id=client_id, scope=scope or "",
                expires_at=time.time() + data["expires_in"])


class Bearer(JWTBearerGrant):
    def resolve_issuer_client(self, issuer):
        return clients["service"] if issuer == "robot@service.test" else None

    def resolve_client_key(self, client, headers, payload):
        with open(os.path.join(folder, "service.pub")) as file:
            return JsonWebKey.import_key(file.read(), {"kty": "RSA"})

    def authenticate_user(self, subject):
        return subject

    def has_granted_permission(self, client, user):
        return True


class Own(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]


class Revoke(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ["none", "client_secret_basic"]

    def query_token(self, text, hint):
        return find(refresh=text) or find(access=text)

    def revoke_token(self, token, asked):
        token.revoked = True


server = AuthorizationServer(app, query_client=clients.get, save_token=save_token)
server.register_token_generator("default", lambda *args, **named: generator(*args, **named))


def generator(grant_type, client, user=None, scope=None, expires_in=None,
              include_refresh_token=True):
    from authlib.common.security import generate_token
    token = {"token_type": "Bearer", "access_token": generate_token(42),
             "expires_in": state["lifetime"]}
    if include_refresh_token and grant_type not in ("client_credentials", Bearer.GRANT_TYPE):
        token["refresh_token"] = generate_token(48)
    if scope:
        token["scope"] = scope
    return token


server.register_grant(CodeGrant, [Challenge(required=True)])
for grant in (Refresh, Device, Bearer, Own):
    server.register_grant(grant)
server.register_endpoint(Revoke)
server.register_endpoint(DeviceEndpoint)


@app.route("/realm/.well-known/openid-configuration")
@app.route("/.well-known/oauth-authorization-server/realm")
def metadata():
    base = origin
    return jsonify({
        "issuer": f"{base}/realm",
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "device_authorization_endpoint": f"{base}/device_authorization",
        "revocation_endpoint": f"{base}/revoke",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    })


@app.route("/authorize")
def authorize():
    server.get_consent_grant(end_user="alice")
    return server.create_authorization_response(grant_user=None if state["deny"] else "alice")


@app.route("/token", methods=["POST"])
def token():
    with lock:
        state["log"].append(request.form.get("grant_type", "").rsplit(":", 1)[-1])
        if state["fail"]:
            state["fail"] -= 1
            return "later", 503
    return server.create_token_response()


@app.route("/device_authorization", methods=["POST"])
def device_authorization():
    return server.create_endpoint_response(DeviceEndpoint.ENDPOINT_NAME)


@app.route("/revoke", methods=["POST"])
def revoke():
    return server.create_endpoint_response(Revoke.ENDPOINT_NAME)


@app.route("/introspect", methods=["POST", "GET"])
def introspect():
    text = request.values.get("token", "")
    found = find(access=text)
    if not found or found.revoked or found.is_expired():
        return jsonify({"active": False})
    return jsonify({"active": True, "username": found.user, "scope": found.scope})


@app.route("/test/state")
def told():
    with lock:
        waiting = [device["user_code"] for device in devices.values()]
        return jsonify(dict(state, codes=[code for code in waiting if code not in grants_of]))


@app.route("/test/set", methods=["POST"])
def change():
    with lock:
        state.update(json.loads(request.data))
    return "ok"


@app.route("/test/device/<user_code>/<word>", methods=["POST"])
def decide(user_code, word):
    with lock:
        if word == "slow":
            for device in devices.values():
                if device["user_code"] == user_code:
                    device["slow_down"] = True
        else:
            grants_of[user_code] = word == "approve"
    return "ok"


@app.route("/test/forget/<what>", methods=["POST"])
def forget(what):
    with lock:
        for each in tokens:
            if what == "access":
                each.expires = 0
            else:
                each.revoked = True
    return "ok"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


listening = make_server("127.0.0.1", 0, app, Threaded, Quiet)
port = listening.server_port
origin = f"http://127.0.0.1:{port}"
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    origin = f"https://localhost:{port}"
print(port, flush=True)
listening.serve_forever()
