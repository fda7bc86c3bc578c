import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("WEBHOOK_SECRET", "").encode()
SIGNATURES = ("X-Yousign-Signature-256", "X-Hookrouter-Signature-Next", "X-Hookrouter-Signature-Previous")
if not SECRET:
    raise SystemExit("set WEBHOOK_SECRET")


def verify(body, headers):
    want = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(headers.get(name, "").encode(), want.encode()) for name in SIGNATURES)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The bytes as they came, before anything decodes them.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not verify(body, self.headers):
            self.send_error(401, "signature refused")
            return
        event = json.loads(body)
        # Put the event away under event["event_id"] unless it is there already, and work on it later.
        print("received", event["event_name"], flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Receiver).serve_forever()
