#!/usr/bin/env bash
# Get a Chromium for the browser tests, where there is none and it can be had; elsewhere say what is skipped.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null
else
    echo "There is no Chromium: the tests of the jam page will be skipped (apt-get install chromium)."
fi
