# frozen_string_literal: true

require_relative "../registry"
require_relative "supervision"

module FlockOfChefs
  module Api
    # Celluloid for APIs: the gem where it is installed, else a layer of our own that has what small APIs use. Either
    # way a class that is to be supervised while code is loaded is only noted; {start} supervises it in a host.
    # @api private
    module Actors
      # What makes the constant.
      FILE = File.expand_path("../celluloid.rb", __dir__)

      class << self
        # Has Celluloid there for whoever names it.
        #
        # @return [void]
        def provide
          return install if Object.const_defined?(:Celluloid, false) && !Object.autoload?(:Celluloid)

          Object.autoload(:Celluloid, FILE)
        end

        # The gem may be half loaded: its own file then names the module, and goes on when this returns.
        #
        # @return [void]
        def install
          Object.const_set(:Celluloid, Module.new) unless Object.const_defined?(:Celluloid, false)
          ::Celluloid.singleton_class.prepend(Supervision::Inclusion)
          @gem = gem_loaded?
          require_relative "layer" unless @gem
        end

        # @return [Boolean] whether it is the gem's
        def gem? = @gem || false

        # @return [Boolean] whether supervising starts actors
        def live? = @live || false

        # All code is loaded: from now on supervising is what it says.
        #
        # @return [void]
        def go_live
          @live = true
          ::Celluloid.boot if gem?
        end

        # @param entry [Registry::Entry] of an actor
        # @return [void]
        # @raise [Exception] what its +initialize+ raises
        def start(entry)
          entry.implementation.include(Guarded) unless entry.implementation.include?(Guarded)
          entry.implementation.supervise(as: entry.name.to_sym, args: entry.arguments)
        end

        # @param name [String]
        # @return [Object, nil] the proxy of the actor that has the name now
        def find(name) = ::Celluloid::Actor[name.to_sym]

        # Ends all actors, and gives their finalizers the time for it.
        #
        # @return [void]
        def stop = (::Celluloid.shutdown if live?)

        private

        def gem_loaded?
          require "celluloid"
          true
        rescue LoadError => e
          raise unless e.path == "celluloid"

          false
        end
      end
    end

    # What a host calls on an actor: the method runs within it, and what it raises does not end it unless that is asked
    # for. No user's class has a method of this name.
    # @api private
    module Guarded
      # @param call [Call]
      # @param method [Symbol]
      # @param arguments [Array]
      # @param keywords [Hash]
      # @param crash [Boolean] whether an exception ends the actor
      # @param block [Proc, nil] an argument, so that it runs here: actors pass blocks back to their callers
      # @return [Object]
      def __flock_call__(call, method, arguments, keywords, crash, block = nil)
        call.run { public_send(method, *arguments, **keywords, &block) }
      rescue StandardError, ScriptError => e
        crash ? raise : abort(e)
      end
    end
  end
end
