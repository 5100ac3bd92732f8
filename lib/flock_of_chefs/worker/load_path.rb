# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Puts the gems of the run onto the load path before anything is required, even +json+: what is loaded first stays.
    module LoadPath
      # This gem's own folder.
      LIB = File.expand_path("../..", __dir__)

      # @param recorded [String, nil] folders joined as in PATH
      def self.restore(recorded)
        folders = [LIB, *recorded.to_s.split(File::PATH_SEPARATOR)].uniq - $LOAD_PATH
        # To RubyGems they are folders of activated gems, which it need not search itself at each require.
        Gem.respond_to?(:add_to_load_path) ? Gem.add_to_load_path(*folders) : $LOAD_PATH.unshift(*folders)
      end
    end
  end
end
