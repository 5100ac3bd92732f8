# frozen_string_literal: true

require_relative "local_client"
require_relative "remote/node"
require_relative "remote/outcomes"
require_relative "remote/own"
require_relative "remote/selection"
require_relative "remote/subprocess"
require_relative "remote/waiting"
