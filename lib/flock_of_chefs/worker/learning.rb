# frozen_string_literal: true

require "fileutils"
require "json"
require "tmpdir"

module FlockOfChefs
  module Worker
    # Chef loads providers when they are first used, which costs every forked process up to 50 ms. A process that is
    # thrown away finds out what is loaded; this one loads the same. No guard and no action of the user's runs.
    module Learning
      # What the throw-away process may take: a job that comes meanwhile waits, and the agent for it twice as long.
      LIMIT_S = 5
      # What it may have to say.
      LIMIT_BYTES = 1024 * 1024

      class << self
        # Learns from resources that hardly any node lives without, run in a temporary folder.
        #
        # @param snapshot [Hash] snapshot.json
        # @param kept [#close] what is this process's own and the throw-away one must not hold
        # @return [void]
        def basics(snapshot, kept)
          @folder = Dir.mktmpdir("flock-learning")
          learn(kept) { converge(run_context(snapshot), @folder) }
        rescue SystemCallError
          nil # without a folder nothing is learned
        ensure
          forget
        end

        # Learns the providers of all types of resources that were compiled.
        #
        # @param run_context [Chef::RunContext]
        # @param kept [#close]
        # @return [void]
        def providers(run_context, kept)
          resources = run_context.resource_collection.all_resources.uniq(&:class)
          learn(kept) { resources.each { |resource| attempt { resource.provider_for_action(resource.action.first) } } }
        end

        # Ends what is under way, on whatever thread: this process is about to end without more ado.
        #
        # @return [void]
        def abandon
          pid = @pid
          end_process(pid) if pid
          forget
        end

        private

        def forget
          folder = @folder
          FileUtils.rm_rf(folder) if folder
        end

        def run_context(snapshot)
          context = Chef::RunContext.new(RestoredNode.build(snapshot), Chef::CookbookCollection.new({}),
                                         QuietDispatcher.new)
          Chef.set_run_context(context)
          context
        end

        def converge(context, folder)
          resources(context, folder).each { |resource| attempt { resource.run_action(resource.action.first) } }
        end

        def resources(context, folder)
          File.write(File.join(folder, "source"), "<%= 1 %>")
          file = declare(context, :file, folder, "file") { content "1" }
          template = declare(context, :template, folder, "template") do
            local true
            source File.join(folder, "source")
          end
          [declare(context, :directory, folder, "directory"), file, file, template,
           Chef::Recipe.new("flock_of_chefs", "learning", context).declare_resource(:execute, "true"),
           Chef::Recipe.new("flock_of_chefs", "learning", context).declare_resource(:ruby_block, "1") { block { 1 } }]
        end

        def declare(context, type, folder, name, &properties)
          recipe = Chef::Recipe.new("flock_of_chefs", "learning", context)
          recipe.declare_resource(type, File.join(folder, name)) do
            mode "0600"
            backup false if respond_to?(:backup)
            instance_eval(&properties) if properties
          end
        end

        # Chef raises in many ways for what a platform lacks.
        def attempt
          yield
        rescue StandardError, ScriptError
          nil
        end

        # In reverse order, because what was loaded last loads the rest in the order that Chef expects.
        def learn(kept, &work)
          features(kept, &work).reverse_each { |feature| attempt { require feature } }
        end

        def features(kept, &work)
          reader, writer = IO.pipe
          @pid = fork do
            kept.close
            observe(writer, &work)
          end
          writer.close
          text = reader.wait_readable(LIMIT_S) ? reader.read(LIMIT_BYTES) : nil
          JSON.parse(text || "[]")
        rescue JSON::ParserError
          []
        ensure
          reader.close
          end_process(@pid) if @pid
          @pid = nil
        end

        def observe(writer)
          end_in_time
          [$stdout, $stderr].each { |stream| stream.reopen(File::NULL) }
          known = $LOADED_FEATURES.dup
          yield
        rescue Exception # rubocop:disable Lint/RescueException -- what was loaded until then counts all the same
          nil
        ensure
          writer.write(JSON.generate($LOADED_FEATURES - known))
          Process.exit!(0)
        end

        # Nobody ends it when this process's parent was killed.
        def end_in_time
          Thread.new do
            sleep(2 * LIMIT_S)
            Process.exit!(1)
          end
        end

        def end_process(pid)
          Process.kill(:KILL, pid)
          Process.wait(pid)
        rescue SystemCallError
          nil
        end
      end
    end
  end
end
