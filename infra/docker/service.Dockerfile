# syntax=docker/dockerfile:1
# One image for any service: docker build --build-arg SERVICE=profile --file infra/docker/service.Dockerfile .
# SERVICE=cli makes the operator's image. Sources run as they are (type stripping), which works outside node_modules only:
# the workspace is copied as it stands and installed with a filter.

ARG NODE_IMAGE=node:26.10.0-bookworm-slim

FROM ${NODE_IMAGE} AS installed
ARG SERVICE
WORKDIR /app
COPY package.json pnpm-workspace.yaml pnpm-lock.yaml ./
COPY patches patches
COPY contracts contracts
COPY packages packages
COPY services services
COPY load/package.json load/package.json
RUN test -n "${SERVICE}" \
 && npx --yes pnpm@12.21.0 install --frozen-lockfile --prod --filter "@csr/${SERVICE}..."

FROM ${NODE_IMAGE} AS run
ARG SERVICE
ENV CSR_MODE=production \
    SERVICE=${SERVICE} \
    HOST=0.0.0.0 \
    PORT=3000
WORKDIR /app
COPY --from=installed --chown=root:root /app /app
COPY --chown=root:root migrations migrations
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/health/readiness`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["sh", "-c", "exec node --env-file-if-exists=/run/secrets/environment services/${SERVICE}/src/main.ts"]
