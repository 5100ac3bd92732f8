# frozen_string_literal: true

require "json"
require_relative "../run/files"

module FlockOfChefs
  module Worker
    # Writes results/ID.json, durable when it returns: the agent takes a missing file for "cannot be known".
    module Result
      # @param job [Job]
      # @param outcome [Outcome]
      def self.write(job, outcome)
        fields = outcome.to_h.transform_keys(&:to_s).merge("job" => job.id, "pid" => Process.pid)
        Run::Files.replace(job.result, JSON.generate(fields))
      end
    end
  end
end
