# One image for web, worker and sweeper; which one a container is, its command says.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements/run.lock requirements/run.lock
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home themis && mkdir /data && chown themis /data
WORKDIR /app
COPY --from=build /venv /venv
COPY manage.py ./
COPY themisdb_datasets themisdb_datasets
COPY themis_admin themis_admin
COPY indexing indexing
COPY exports exports
COPY templates templates
COPY static static
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 THEMIS_DATA=/data THEMIS_HOST=0.0.0.0 PORT=8000
USER themis
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health/live\", timeout=4)"]
CMD ["python", "manage.py", "web"]
