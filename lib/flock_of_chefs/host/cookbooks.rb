# frozen_string_literal: true

require "json"
require_relative "../worker/compile"

module FlockOfChefs
  module Host
    # Chef and the libraries of a snapshot's cookbooks, in the order in which a run loads them; no recipe and no
    # attribute file.
    module Cookbooks
      class << self
        # @param folder [String] of the generation
        # @return [void]
        # @raise [Exception] what a library raises
        def load(folder)
          Worker::Preload.chef
          require_relative "../worker/quiet_dispatcher"
          snapshot = JSON.parse(File.read(File.join(folder, "snapshot.json")))
          Worker::Configuration.restore(snapshot, folder)
          events = Worker::QuietDispatcher.new
          run_context = Worker::Compile.build(snapshot, events)
          expansion = Worker::Compile::Expansion.new(snapshot["recipes"], snapshot["roles"])
          Chef::RunContext::CookbookCompiler.new(run_context, expansion, events).compile_libraries
        end
      end
    end
  end
end
