# frozen_string_literal: true

require "json"
require "tmpdir"

module FlockOfChefs
  module Worker
    # Chef loads providers when they are first used, which costs every forked process up to 50 ms. A process that is
    # thrown away finds out what is loaded; this one loads the same. No guard and no action of the user's runs.
    module Learning
      # What the throw-away process may take.
      LIMIT_S = 20
      # What it may have to say.
      LIMIT_BYTES = 1024 * 1024

      class << self
        # Learns from resources that hardly any node lives without, run in a temporary folder.
        #
        # @param snapshot [Hash] snapshot.json
        # @return [void]
        def basics(snapshot)
          learn { Dir.mktmpdir { |folder| converge(run_context(snapshot), folder) } }
        end

        # Learns the providers of all types of resources that were compiled.
        #
        # @param run_context [Chef::RunContext]
        # @return [void]
        def providers(run_context)
          resources = run_context.resource_collection.all_resources.uniq(&:class)
          learn { resources.each { |resource| attempt { resource.provider_for_action(resource.action.first) } } }
        end

        private

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
        def learn(&work)
          features(&work).reverse_each { |feature| attempt { require feature } }
        end

        def features(&work)
          reader, writer = IO.pipe
          pid = fork { observe(writer, &work) }
          writer.close
          text = reader.wait_readable(LIMIT_S) ? reader.read(LIMIT_BYTES) : nil
          JSON.parse(text || "[]")
        rescue JSON::ParserError
          []
        ensure
          reader.close
          end_process(pid) if pid
        end

        def observe(writer)
          $stdout.reopen(File::NULL)
          $stderr.reopen(File::NULL)
          known = $LOADED_FEATURES.dup
          yield
        rescue Exception # rubocop:disable Lint/RescueException -- what was loaded until then counts all the same
          nil
        ensure
          writer.write(JSON.generate($LOADED_FEATURES - known))
          Process.exit!(0)
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
