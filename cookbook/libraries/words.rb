module FlockOfChefsCookbook
  # The words of recipes: the gem's where it is installed, else such as do nothing.
  module Words
    class << self
      # Installs the gem's words.
      #
      # @param version [String, nil] a requirement; nil = the newest that is installed
      # @return [Boolean] whether the gem is there
      def load(version = nil)
        choose(version) if version
        require 'flock_of_chefs/chef'
        @off&.withdraw
        @off = nil
        true
      rescue LoadError => e
        Chef::Log.debug("flock_of_chefs: #{e.message}")
        stand_in
        false
      end

      # Takes the words' effect away for the rest of this run.
      #
      # @param reason [String]
      # @return [void]
      def turn_off(reason)
        return if @off

        @off = StandIns.new(reason)
        Chef::Resource.include(@off.words)
        flock = Object.const_defined?(:FlockOfChefs) ? ::FlockOfChefs : bare_flock
        flock.singleton_class.prepend(@off.handles)
      end

      private

      # A gem that is loaded cannot be changed for another: this run goes on with it.
      def choose(version)
        loaded = Gem.loaded_specs['flock_of_chefs']
        return (gem('flock_of_chefs', version) unless there?) unless loaded
        return if Gem::Requirement.create(version).satisfied_by?(loaded.version)

        Chef::Log.warn("flock_of_chefs: this run has loaded the gem's version #{loaded.version}; #{version} has its effect from the next run on")
      end

      # Also where it is no gem but a folder of Ruby's load path.
      def there?
        Object.const_defined?(:FlockOfChefs) && ::FlockOfChefs.const_defined?(:VERSION, false)
      end

      def stand_in
        return if @bare

        @bare = StandIns.new('the gem is not installed yet. It takes effect from the next run, or now for recipes after recipe[flock_of_chefs]')
        Chef::Resource.include(@bare.words)
        bare_flock.extend(@bare.handles, MissingConstants)
      end

      def bare_flock
        Object.const_set(:FlockOfChefs, Module.new)
      end
    end
  end
end

FlockOfChefsCookbook::Words.load
