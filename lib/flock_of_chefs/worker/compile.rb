# frozen_string_literal: true

require_relative "configuration"
require_relative "drafts"
require_relative "effects"
require_relative "preload"
require_relative "replay"
require_relative "restored_node"

module FlockOfChefs
  module Worker
    # Compiles a snapshot's recipes again, in why-run: resources that run at compile time do not touch the machine then.
    # (Plain Ruby in recipes runs, as in every compile.)
    #
    # Chef loads libraries and custom resources once per process, so a process compiles one generation only.
    module Compile
      # What came of it: a run context and the path of Chef's run lock, or the error.
      Compiled = Struct.new(:run_context, :events, :drafts, :lockfile, :error, keyword_init: true) do
        # @return [Boolean] false when the generation was no longer current
        def attempted? = !(run_context.nil? && error.nil?)

        # @param key [String]
        # @return [Array<Chef::Resource>] all that are declared by it, not counting those inside custom resources
        def declared(key) = by_key.fetch(key, [])

        # A warm worker makes it before it forks: naming a thousand resources takes as long as running one.
        #
        # @return [Hash{String=>Array<Chef::Resource>}]
        def by_key = @by_key ||= run_context.resource_collection.all_resources.group_by(&:declared_key)
      end
      # Chef's Policyfile builder, too, passes a Struct of these two.
      Expansion = Struct.new(:recipes, :roles)

      class << self
        # @param job [Job]
        # @return [Compiled] never raises what a cookbook raises
        def attempt(job)
          return Compiled.new unless job.current?
          raise InternalError, "one process compiles one generation" if @generation

          @generation = job.generation
          compile(job)
        rescue StandardError, ScriptError, SystemExit, CompileEffect => e
          warn "flock_of_chefs worker: compiling failed: #{e.full_message(highlight: false)}"
          Compiled.new(error: e)
        end

        # @param snapshot [Hash] snapshot.json, whose configuration is restored
        # @param events [Chef::EventDispatch::Dispatcher]
        # @return [Chef::RunContext] with the snapshot's node and cookbooks, and nothing loaded
        def build(snapshot, events)
          node = RestoredNode.build(snapshot)
          Chef.set_node(node)
          # As in a run: from here on cookbooks win over what Chef has built in.
          Chef.resource_handler_map.lock!
          Chef.provider_handler_map.lock!
          Chef::RunContext.new(node, cookbooks, events).tap { |run_context| Chef.set_run_context(run_context) }
        end

        private

        def compile(job)
          Preload.chef
          require_relative "changes"
          require_relative "quiet_dispatcher"
          drafts = Drafts.collect(job.cause)
          snapshot = job.snapshot
          Configuration.restore(snapshot, job.snapshot_dir)
          Replay.install(job.snapshot_dir)
          events = QuietDispatcher.new
          run_context = build(snapshot, events)
          Effects.watch { why_run { load_recipes(run_context, snapshot, job.snapshot_dir) } }
          drafts.clear
          Compiled.new(run_context: run_context, events: events, drafts: drafts,
                       lockfile: snapshot.dig("config", "lockfile"))
        end

        def cookbooks
          paths = Chef::Config[:cookbook_path]
          Chef::Cookbook::FileVendor.fetch_from_disk(paths)
          loader = Chef::CookbookLoader.new(paths)
          loader.load_cookbooks
          Chef::CookbookCollection.new(loader)
        end

        def load_recipes(run_context, snapshot, folder)
          run_context.load(Expansion.new(snapshot["recipes"], snapshot["roles"]))
          Array(snapshot["recipe_files"]).each { |name| run_context.load_recipe_file(File.join(folder, name)) }
        end

        def why_run
          Chef::Config[:why_run] = true
          yield
        ensure
          Chef::Config[:why_run] = false
        end
      end
    end
  end
end
