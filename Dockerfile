FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/ ./cmd/hookrouter ./cmd/hookreceiver
# An empty directory to copy: the final image has no shell to make one with.
RUN mkdir /out/data

# Static binaries need nothing but the certificate authorities. Time zones come with the binary where they matter.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/hookrouter /out/hookreceiver /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/data /var/lib/hookrouter
WORKDIR /var/lib/hookrouter
USER 65532:65532
ENV HOOKROUTER_LISTEN=0.0.0.0:8080
EXPOSE 8080
# Time to finish calls in flight is HOOKROUTER_DRAIN_TIMEOUT (20 s by default): give the container longer than that to stop.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/usr/local/bin/hookrouter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/hookrouter"]
CMD ["serve"]
