# frozen_string_literal: true

module FlockOfChefs
  module Recipe
    # What a recipe may ask for at most. The agent has limits of its own; these are met first, at compile time, where
    # the recipe's line can be named.
    module Limits
      # Bytes of a resource key, +type[name]+.
      KEY_BYTES = 1024
      # Bytes of one name in a target list: a node, a role, a tag.
      NAME_BYTES = 255
      # Names in one target list, and nodes that a +query:+ may find.
      NAMES = 1_000
      # How often an unknown or failed outcome may be run again on the target.
      RETRIES = 10
      # Seconds that a notification may wait for its target; also the default.
      TTL_S = 7 * 24 * 3600
      # Resources that one notification lists as its causes; further ones are left out.
      SOURCES = 64
    end
  end
end
