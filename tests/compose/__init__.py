"""The image and the compose stack, proved on a Docker daemon: `make test-compose`."""
