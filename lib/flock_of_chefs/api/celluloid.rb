# frozen_string_literal: true

require_relative "registry"
require_relative "celluloid/actors"

# Loaded when something first names Celluloid, which is when the gem of that name, if there is one, is looked for.
FlockOfChefs::Api::Actors.install
