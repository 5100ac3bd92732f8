# frozen_string_literal: true

module FlockOfChefs
  module Run
    # Where in a cookbook something is called: the same text in the run and in a worker, whose cookbooks lie elsewhere.
    module CallSite
      # This library's own frames are passed over.
      OWN = "#{File.expand_path("..", __dir__)}/".freeze

      class << self
        # @return [String] for example +"cb/recipes/default.rb:12"+
        def here
          frame = caller_locations.find { |location| !location.path.start_with?(OWN) }
          frame ? "#{name(frame.path)}:#{frame.lineno}" : "unknown"
        end

        # @param path [String]
        # @return [String] beginning with the cookbook's name; of a file outside cookbooks only the file's own name
        def name(path)
          cookbooks.each do |cookbook|
            root = "#{cookbook.root_dir}/"
            return "#{cookbook.name}/#{path.delete_prefix(root)}" if path.start_with?(root)
          end
          # A snapshot numbers the files that were given on the command line.
          File.basename(path).sub(/\A\d+_/, "")
        end

        private

        def cookbooks
          context = ::Chef.run_context if defined?(::Chef) && ::Chef.respond_to?(:run_context)
          context ? context.cookbook_collection.values : []
        end
      end
    end
  end
end
