import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))
if not KEY:
    raise SystemExit("set WEBHOOK_SECRET")


def verify(body, headers):
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 300:  # five minutes
        return False
    signed = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest())
    return any(hmac.compare_digest(given.encode(), want) for given in headers.get("webhook-signature", "").split(" "))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The bytes as they came, before anything decodes them.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not verify(body, self.headers):
            self.send_error(401, "signature refused")
            return
        event = json.loads(body)
        # Put the event away under event["event_id"] unless it is there already, and work on it later.
        print("received", event["type"], flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Receiver).serve_forever()
