# frozen_string_literal: true

module FlockOfChefs
  module Api
    # The APIs that the code of this process defines. Defining one starts nothing: a Chef run and a worker leave it at
    # that, and a host starts them when all code is loaded.
    # @api private
    module Registry
      # One API.
      #
      # @!attribute [r] name
      #   @return [String, nil] nil for a class that names itself, see {#api}
      # @!attribute [r] implementation
      #   @return [Class]
      # @!attribute [r] arguments
      #   @return [Array, nil] of an actor's +initialize+; nil = no actor, but a class that includes {Api}
      # @!attribute [r] file
      #   @return [String] where it is defined
      Entry = Struct.new(:name, :implementation, :arguments, :file, keyword_init: true) do
        # @return [String] the API's name
        def api = name || implementation.api_name

        # @return [Boolean] whether it is an actor
        def actor? = !arguments.nil?

        # @return [Boolean] whether anything of it can be called
        def offered? = actor? || implementation.exposed.any?
      end

      # Of this gem: frames that are no place of a definition.
      OWN = File.expand_path("../..", __dir__)

      class << self
        # How {FlockOfChefs.changed} tells the agent; a host puts its stream here.
        #
        # @return [#call] given a name
        def announcer = @announcer ||= method(:by_socket)
        attr_writer :announcer

        # A class includes {Api}.
        #
        # @param implementation [Class]
        # @param paths [Array<String>] of the frames that led there
        # @return [void]
        def note_form(implementation, paths)
          note(Entry.new(implementation:, file: place(paths)))
        end

        # An actor is to be supervised under a name.
        #
        # @param name [Symbol, String]
        # @param implementation [Class]
        # @param arguments [Array]
        # @param paths [Array<String>]
        # @return [void]
        def note_actor(name, implementation, arguments, paths)
          note(Entry.new(name: name.to_s, implementation:, arguments:, file: place(paths)))
        end

        # @return [Array<Entry>] what can be called, by name; of two with one name the later
        def entries = noted.select(&:offered?).to_h { |entry| [entry.api, entry] }.values.sort_by(&:api)

        # Classes that are meant for an API and offer nothing: they expose no method, nor does a class that inherits
        # from them.
        #
        # @return [Array<Entry>]
        def silent
          offered = entries.map(&:implementation)
          noted.select do |entry|
            entry.implementation.is_a?(Class) && !entry.offered? && offered.none? { |one| one < entry.implementation }
          end
        end

        # Forgets all: another run begins.
        #
        # @return [void]
        def clear = noted.clear

        private

        def noted = @noted ||= []

        # Libraries may be loaded again. A class that inherits has no name yet.
        def note(entry)
          again = entry.implementation.name
          noted.reject! { |known| again && known.implementation.name == again && known.name == entry.name }
          noted << entry
        end

        def place(paths) = paths.find { |path| !path.start_with?("<", "#{OWN}/") } || "?"

        def by_socket(api)
          require_relative "../local_client"
          @client ||= LocalClient.configured
          @client.call("api_changed", { api: })
          nil
        end
      end
    end
  end
end
