# docker build -t harness . && docker run --rm harness            evaluates the demo model
# docker run --rm -v "$PWD:/work" harness run --model ./ckpt --tasks sst2 --data sst2=dev.tsv
FROM python:3.11-slim

# The CPU build of torch: the default one brings gigabytes of CUDA packages.
COPY constraints.txt /opt/harness/constraints.txt
RUN pip install --no-cache-dir --constraint /opt/harness/constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu torch

COPY . /opt/harness
RUN pip install --no-cache-dir --constraint /opt/harness/constraints.txt '/opt/harness[all]' \
    && useradd --create-home --shell /bin/bash harness \
    && install -d -o harness -g harness /work /cache

USER harness
WORKDIR /work
ENV HARNESS_CACHE=/cache OMP_WAIT_POLICY=passive
ENTRYPOINT ["harness"]
CMD ["run", "--model", "demo", "--tasks", "squad,xsum,translation,sst2,bias", "--data", "sample", "--out", "/tmp/demo"]
