# What bin/setup, bin/test, bin/demo and bin/bench share; sourced with the checkout as the current folder.

say() { printf '%s\n' "$*" >&2; }

# A mirror of the gems beside the checkout serves machines without a gem registry.
if [ -z "${BUNDLE_MIRROR__ALL:-}" ] && [ -f ../shared/gems/specs.4.8.gz ]; then
  BUNDLE_MIRROR__ALL="file://$(realpath ../shared/gems)"
  export BUNDLE_MIRROR__ALL
fi

# Gems stay outside the checkout, so that a fresh clone need not install them again.
export BUNDLE_PATH="${BUNDLE_PATH:-${XDG_CACHE_HOME:-$HOME/.cache}/flock_of_chefs/bundle}"
export BUNDLE_JOBS="${BUNDLE_JOBS:-4}"
export CHEF_LICENSE="${CHEF_LICENSE:-accept-no-persist}"
