# A control plane of one's own, with its relay: `npm run build`, then
#   docker build -f deploy/docker/control.Dockerfile -t stackferry-control .
ARG BASE=node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d

FROM ${BASE} AS modules
# Another npm registry.
ARG npm_config_registry
WORKDIR /usr/lib/stackferry
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE}
WORKDIR /usr/lib/stackferry
COPY --from=modules /usr/lib/stackferry/node_modules node_modules
COPY package.json LICENSE ./
COPY cli/bin.cjs cli/
COPY dist dist
RUN ln -s /usr/lib/stackferry/cli/bin.cjs /usr/local/bin/stackferry
# A slim base has no certificate authorities, without which workerd does not start: Node brings Mozilla's.
RUN test -e /etc/ssl/certs/ca-certificates.crt || node -e "fs.mkdirSync('/etc/ssl/certs', { recursive: true }); \
  fs.writeFileSync('/etc/ssl/certs/ca-certificates.crt', tls.rootCertificates.join('\n') + '\n')"
# A user who owns nothing but the state.
RUN install -d -o 1000 -g 1000 /data
USER 1000:1000
# Who logs in within the container stays so, by XDG_CONFIG_HOME.
ENV NODE_ENV=production HOME=/tmp XDG_CONFIG_HOME=/data/config \
  STACKFERRY_DATA=/data STACKFERRY_LISTEN=0.0.0.0:8787 STACKFERRY_RELAY_LISTEN=0.0.0.0:7400
VOLUME /data
EXPOSE 8787 7400
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=2 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8787/api/v1/openapi.json').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["stackferry"]
CMD ["serve"]
