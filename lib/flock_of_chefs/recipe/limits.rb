# frozen_string_literal: true

module FlockOfChefs
  module Recipe
    # What a recipe may ask for at most. The agent has the same limits (+ext/flock_core/src/limits.rs+); these are met
    # first, at compile time, where the recipe's line can be named.
    module Limits
      # Bytes of a resource key, +type[name]+.
      KEY_BYTES = 4096
      # Bytes of an action.
      ACTION_BYTES = 64
      # Bytes of a node's name.
      NODE_NAME_BYTES = 255
      # Bytes of one role, recipe, tag, service, environment, policy or cloud name.
      TARGET_WORD_BYTES = 255
      # Nodes that one notification may name, and that a +query:+ may find.
      TARGETS = 1_000
      # Roles, recipes, tags or services that one notification may ask for, each.
      TARGET_WORDS = 64
      # How often an unknown or failed outcome may be run again on the target.
      RETRY_MAX = 10
      # Seconds that a notification waits for its target if nothing is said.
      TTL_DEFAULT_S = 7 * 24 * 3600
      # Seconds that it may wait at most.
      TTL_MAX_S = 30 * 24 * 3600
      # Subscriptions that one node may have.
      SUBSCRIPTIONS = 1_000
      # Bytes of one of them in subscriptions.json.
      SUBSCRIPTION_BYTES = 64 * 1024
      # Bytes of all of them together.
      SUBSCRIPTIONS_BYTES = 4 * 1024 * 1024
      # Resources that one notification lists as its causes; further ones are left out.
      SOURCES = 64
      # Bytes of such a resource's key and of its recipe; longer ones are cut, so that all of them fit a draft.
      SOURCE_BYTES = 384
    end
  end
end
