# frozen_string_literal: true

require_relative "redaction"

module FlockOfChefs
  module Worker
    # What came of a job, as the result file says it.
    Outcome = Struct.new(:status, :code, :message, :updated, :resources_updated, :run_ms, :drafts, :changes,
                         keyword_init: true) do
      class << self
        # Chef's run lock is held; nothing was run.
        def busy = nothing("busy")

        # The resource waits for something; it is tried again.
        #
        # @param message [String] for what
        def waits(message) = nothing("busy", code: "waits", message: message)

        # A newer run has succeeded; nothing was run.
        def stale = nothing("stale")

        # @param code [String]
        # @param message [String] one of ours, without anything of the resource but its key
        def failed(code, message) = nothing("failed", code: code, message: message)

        # @param error [Exception]
        def uncompiled(error)
          effect = error.respond_to?(:code) && error.code == "compile_effect"
          failed(effect ? "compile_effect" : "compile_failed", Redaction.message(error, []))
        end

        private

        def nothing(status, code: "", message: "")
          new(status: status, code: code, message: message, updated: false, resources_updated: 0, run_ms: 0, drafts: [],
              changes: [])
        end
      end
    end
  end
end
