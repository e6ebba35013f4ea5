# The app and the command line of xcluster, without any model server; compose.yaml starts it beside one.
FROM python:3.11-slim

# OpenMP, for the embedded models.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/xcluster
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY ui ui
COPY agent agent
COPY graphs graphs
COPY tools tools
COPY prompts prompts
COPY models models
COPY store store
RUN pip install --no-cache-dir -c constraints.txt '.[app,parquet]'

# Made here, so that volumes put over them belong to the user.
RUN useradd --create-home xcluster && mkdir -p /work/photos.xcluster /work/cache && chown -R xcluster /work
USER xcluster
WORKDIR /work
EXPOSE 8501
CMD ["xcluster", "--help"]
