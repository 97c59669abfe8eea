# The image for several platforms, by BuildKit:
#   docker buildx build --platform linux/amd64,linux/arm64 --tag kserve-mms:0.1.0 \
#     --label org.opencontainers.image.revision="$(git rev-parse HEAD)" .
# Its files are those of `npm run image`, written by the same program; so the build runs on the builder's own processor.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS build
ARG TARGETARCH
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run image -- --platform "linux/$TARGETARCH" --rootfs /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/usr/local/bin
ENV MALLOC_ARENA_MAX=2
ENV MALLOC_TRIM_THRESHOLD_=65536
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=2", "--v8-pool-size=1", "/app/dist/agent.js"]
