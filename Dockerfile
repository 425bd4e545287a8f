# The bot, with both chat libraries and PostgreSQL's, for a read-only container that runs as nobody
# in particular. Nothing but /data is ever written, and /tmp for a dry run.
#
#   docker build --tag daily-papers .
#   docker run --rm daily-papers demo
#   docker run -d -e DISCORD_TOKEN=… -e ARXIV_CONTACT=you@example.org -v papers:/data daily-papers

# Another base, or this one as it was on a day you choose (docs/hosting.md):
#   docker build --build-arg BASE=python:3.13-slim@sha256:...
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# What is installed. "discord slack postgres plots" also draws statistics: 170 MB more.
ARG LOCKS="discord slack postgres"
WORKDIR /src
COPY requirements/ requirements/
# An environment without pip; the base image's own pip fills it, with what the locks name alone.
RUN python -m venv --without-pip /opt/daily-papers \
    && pip --python /opt/daily-papers/bin/python install --require-hashes \
        $(printf -- '-r requirements/%s.txt ' $LOCKS)
# What builds the package is locked too, and stays behind in this stage.
RUN awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$/ { exit }' \
        requirements/dev.txt > /src/build.txt \
    && pip install --require-hashes -r /src/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot/ bot/
COPY adapters/ adapters/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/daily-papers/bin/python install --no-deps /wheel/*.whl

FROM ${BASE}
COPY --from=build /opt/daily-papers /opt/daily-papers
# A volume that is made here belongs to the one who will write into it.
RUN mkdir /data && chown 1000:1000 /data
ENV PATH=/opt/daily-papers/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=2m --timeout=30s --start-period=2m --retries=3 \
    CMD ["daily-papers", "check", "--quick"]
ENTRYPOINT ["daily-papers"]
CMD ["run"]
