FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    HOST=0.0.0.0 \
    PORT=8080 \
    OUTCRY_DATA_DIR=/data

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin outcry \
    && install -d -o outcry -g outcry -m 0750 /data

WORKDIR /app

# The libraries change rarely, so they are a layer of their own. pip compiles their bytecode here,
# once; the running user could not.
COPY requirements/core.in requirements/core.lock requirements/
RUN pip install --require-hashes --only-binary :all: -r requirements/core.lock

COPY . .
RUN pip install --no-deps --no-build-isolation --no-index .

# Not the checkout: an import must find the installed package.
WORKDIR /data
USER outcry
VOLUME /data
EXPOSE 8080

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]

ENTRYPOINT ["outcry"]
CMD ["run"]
