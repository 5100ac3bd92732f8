# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Finds the resource that a job names, or says why it cannot be fired.
    module Target
      # Why a resource is not fired.
      #
      # @!attribute code
      #   @return [String] as in the result file
      # @!attribute message
      #   @return [String] what to do about it
      Refusal = Struct.new(:code, :message)
      # Types that read files of cookbooks, which a run with no_lazy_load false has not copied.
      LAZY = %w[cookbook_file remote_directory template].freeze

      class << self
        # @param compiled [Compile::Compiled]
        # @param job [Job]
        # @return [Chef::Resource, Refusal]
        def find(compiled, job)
          found = compiled.declared(job.key)
          return absent(job) if found.empty?
          return refuse("is declared #{found.size} times; give each a name of its own") if found.size > 1

          check(found.first, job.action)
        end

        private

        def check(resource, action)
          allowed = resource.allowed_actions.map(&:to_s)
          return refuse("has no action #{action.inspect}; it has #{allowed.join(", ")}") unless allowed.include?(action)
          return resource if Chef::Config[:no_lazy_load] || !LAZY.include?(resource.declared_type.to_s)

          refuse("needs cookbook files that Chef has not fetched: set no_lazy_load true in client.rb")
        end

        def absent(job)
          if job.card["nested"]
            return refuse("is declared inside a custom resource; only resources of recipes can be fired")
          end

          Refusal.new("resource_absent", "the resource is not there when the recipes are compiled without a converge")
        end

        def refuse(reason) = Refusal.new("action_not_allowed", "the resource #{reason}")
      end
    end
  end
end
