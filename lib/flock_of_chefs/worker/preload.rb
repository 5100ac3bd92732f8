# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Loads what compiling and running need of Chef, and no more: neither chef-client's application nor Ohai, nor
    # InSpec, which alone takes longer than all the rest.
    module Preload
      # What is required.
      FEATURES = %w[
        chef chef/run_context chef/cookbook_loader chef/cookbook/cookbook_collection chef/cookbook/file_vendor
        chef/cookbook/file_system_file_vendor chef/runner chef/run_lock chef/event_dispatch/dispatcher chef/local_mode
      ].freeze
      # It is registered by Chef's client only, which a worker is not.
      UNNEEDED = "chef/compliance/runner.rb"

      # Chef takes the MD5 sum of every cookbook file, twice, to compare with a server's; here there is none.
      module NoChecksums
        # @return [String] the path in place of a sum; nobody compares it
        def checksum_cookbook_file(path) = path
      end

      # Chef loads all cookbooks a second time for the first template.
      module KnownCookbooks
        # @return [Chef::CookbookCollection] the one that is compiled
        def cookbooks = Chef.run_context.cookbook_collection
      end

      # @raise [LoadError] when the snapshot's gems are gone
      def self.chef
        return if @done

        folder = $LOAD_PATH.find { |path| File.file?(File.join(path, UNNEEDED)) }
        $LOADED_FEATURES << File.join(folder, UNNEEDED) if folder
        FEATURES.each { |feature| require feature }
        Chef::CookbookVersion.singleton_class.prepend(NoChecksums)
        Chef::Cookbook::FileSystemFileVendor.prepend(KnownCookbooks)
        Chef.autoload(:Client, "chef/client") unless Chef.const_defined?(:Client, false)
        @done = true
      end
    end
  end
end
