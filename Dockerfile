# Conductor in a container: `docker compose up` starts it beside a PostgreSQL; see docs/deploy.md.
FROM python:3.11.14-slim-bookworm AS installed

WORKDIR /conductor
COPY requirements.txt requirements-local.txt ./
COPY scripts/install.py scripts/
COPY .streamlit .streamlit
COPY conductor_core conductor_core
COPY dashboard dashboard
RUN python scripts/install.py run


FROM python:3.11.14-slim-bookworm

# A number, so that a cluster can see that it is not root's.
RUN useradd --uid 10001 --create-home conductor \
    && install --directory --owner=conductor --mode=0700 /data
COPY --from=installed /conductor /conductor

ENV CONDUCTOR_HOME=/data \
    CONDUCTOR_HOST=0.0.0.0 \
    CONDUCTOR_PORT=8501 \
    PATH=/conductor/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /conductor
VOLUME /data
USER 10001
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/api/health', timeout=4)"]
CMD ["python", "-m", "dashboard"]
