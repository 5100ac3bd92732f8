# frozen_string_literal: true

require "json"
require_relative "../errors"
require_relative "apis"
require_relative "calls"
require_relative "cards"
require_relative "cookbook_store"
require_relative "files"
require_relative "generations"
require_relative "node_state"
require_relative "../recipe/subscriptions"

module FlockOfChefs
  module Run
    # What is kept of a successful run so that one of its resources can be compiled and fired later: a few facts and a
    # copy of the cookbooks; beside it, what the run's recipes subscribe to. No resource and none of its property values
    # is stored.
    class Snapshot
      # @param run_context [Chef::RunContext]
      # @param run_status [Chef::RunStatus, nil] unused so far; nil for programs that have none
      # @param expansion [#recipes, #roles, nil] the argument of Chef's +run_list_expanded+ event
      # @param data_dir [String] the agent's folder
      # @param number [Integer] this node's run number, greater than all before
      # @param run_id [String]
      # @return [Integer, nil] the generation, which is the run number; nil when nothing was saved, see {refusal}
      # @example Snapshot.save(run_context: rc, run_status: rs, expansion: e, data_dir: "/var/lib/flock", number: 12,
      #   run_id: id) # => 12
      def self.save(run_context:, expansion:, data_dir:, number:, run_id:, run_status: nil)
        _ = run_status
        generations = Generations.new(data_dir)
        snapshot = new(run_context, expansion, { "generation" => number, "run_number" => number, "run_id" => run_id })
        reason = snapshot.refusal(generations)
        return generations.exclusively { snapshot.write(generations) } unless reason

        Chef::Log.info("flock_of_chefs: no snapshot of this run: #{reason}")
        nil
      end

      # @param identity [Hash] generation, run_number and run_id
      def initialize(run_context, expansion, identity)
        @run_context = run_context
        @expansion = expansion
        @identity = identity
      end

      # A run with a temporary run list (+-o+) knows only some of the node's resources. It may stand in while there is
      # nothing better, but never replaces the snapshot of a whole run.
      #
      # @return [String, nil] why this run leaves no snapshot
      def refusal(generations)
        return "why-run changes nothing" if Chef::Config[:why_run]
        return "Target Mode converges another machine" if Chef::Config.target_mode?

        "the run list is temporary (--override-runlist)" if temporary? && whole_run?(generations)
      end

      # @return [Integer] the generation
      def write(generations)
        store = CookbookStore.new(generations.root)
        number = generations.publish(@identity["generation"]) { |folder| fill(folder, store) }
        store.save_index
        store.collect(generations.prune)
        number
      end

      private

      def fill(folder, store)
        cookbooks = File.join(folder, "cookbooks")
        FileUtils.rm_rf(cookbooks)
        Files.directory(cookbooks)
        entries = @run_context.cookbook_collection.values.map { |cookbook| store.add(cookbook, cookbooks) }
        Files.sync_directory(cookbooks)
        { "cards.json" => cards, "subscriptions.json" => subscriptions, Calls::FILE => calls,
          "attributes.json" => made_attributes,
          Apis::FILE => Apis.describe(@run_context.cookbook_collection.values, @identity["generation"]),
          "snapshot.json" => facts.merge("cookbooks" => entries, **recipe_files(folder)) }
          .each { |name, data| Files.write(File.join(folder, name), dump(data)) }
      end

      # The levels that a compile makes anew; together with those in snapshot.json they are all that others can ask for.
      def made_attributes
        { "generation" => @identity["generation"], "levels" => NodeState.made_attributes(@run_context.node) }
      end

      def calls = { "generation" => @identity["generation"], "calls" => Calls.recorded }

      def facts
        @identity.merge("created_ms" => (Time.now.to_f * 1000).to_i, "temporary" => temporary?,
                        **NodeState.new(@run_context, @expansion).to_h)
      end

      def cards
        { "generation" => @identity["generation"], "run_number" => @identity["run_number"],
          "node" => @run_context.node.name, "cards" => Cards.collect(@run_context, subscribed: subscribed&.actions) }
      end

      def subscriptions
        { "generation" => @identity["generation"], "subscriptions" => subscribed.to_a }
      end

      def subscribed = Recipe::Subscriptions.find(@run_context.root_run_context)

      # Recipes that were given as files on the command line.
      def recipe_files(folder)
        files = Array(Chef::Config[:specific_recipes]).select { |path| File.file?(path) }
        names = files.each_with_index.map do |path, index|
          File.join("recipe_files", "#{index}_#{File.basename(path)}").tap do |name|
            Files.directory(File.join(folder, "recipe_files"))
            Files.write(File.join(folder, name), File.binread(path))
          end
        end
        { "recipe_files" => names }
      end

      def temporary? = @run_context.node.override_runlist_set? || false

      def whole_run?(generations)
        current = generations.current
        current && JSON.parse(File.read(File.join(generations.path(current), "snapshot.json")))["temporary"] == false
      rescue Errno::ENOENT, JSON::ParserError
        false
      end

      # Ohai data may hold bytes that are no text (a name in /etc/passwd, say); JSON cannot.
      def dump(data)
        JSON.generate(data)
      rescue JSON::GeneratorError, EncodingError
        JSON.generate(clean(data))
      end

      def clean(value)
        case value
        when Hash then value.to_h { |key, inner| [clean(key.to_s), clean(inner)] }
        when Array then value.map { |inner| clean(inner) }
        when String then value.dup.force_encoding(Encoding::UTF_8).scrub
        when Float then finite(value)
        else value
        end
      end

      def finite(number) = (number if number.finite?)
    end
  end
end
