# frozen_string_literal: true

module FlockOfChefs
  # The native extension. This file only documents and loads it; `sig/flock_of_chefs/native.rbs` has the signatures.
  #
  # All arguments are positional and none has a default; structured data travels as JSON text; times are milliseconds.
  # Failures are raised as {FlockOfChefs::Error}s. Loading starts nothing; the first {Agent#start} or {Client#call}
  # starts threads, and from then on a forked child that uses any of this gets a {ForkError}.
  #
  # @!method self.version
  #   @return [String] the extension's version, equal to {VERSION}
  # @!method self.new_id
  #   @return [String] a new UUIDv7
  # @!method self.config(path)
  #   @param path [String, nil] the file; nil = `$FLOCK_CONFIG`, else `/etc/flock/agent.toml`
  #   @return [String] JSON of the resolved configuration
  #   @raise [ConfigurationError] when the file is absent or wrong
  # @!method self.config_check(path)
  #   Whether an agent could be started with it, as far as the file alone says.
  #   @param path [String, nil] as {config}
  #   @return [String] JSON of the resolved configuration
  #   @raise [ConfigurationError] with file, line and remedy
  # @!method self.init(options)
  #   Makes this node the first hub of a new flock.
  #   @param options [String] JSON
  #   @return [String] JSON of what was made
  # @!method self.join(options, timeout_ms)
  #   Makes this node a member of a flock.
  #   @param options [String] JSON
  #   @param timeout_ms [Integer]
  #   @return [String] JSON of what was learned
  # @!method self.join_operator(options, timeout_ms)
  #   Makes a person an operator of a flock.
  #   @param options [String] JSON: join, dir, replace
  #   @param timeout_ms [Integer]
  #   @return [String] JSON of what was learned
  # @!method self.operator(dir)
  #   @param dir [String] the folder of {join_operator}
  #   @return [String] JSON: name, flock_id, hubs, dir, certificate_expires_ms
  #   @raise [ConfigurationError] with the code "no_operator"
  # @!method self.back_up(options)
  #   Takes a backup while no agent runs here.
  #   @param options [String] JSON: config, file
  #   @return [String] JSON of the report
  # @!method self.restore(options)
  #   Restores this node from a backup.
  #   @param options [String] JSON: config, file, replace, removed
  #   @return [String] JSON of the report
  # @!method self.leave(options)
  #   Leaves the flock while no agent runs here; no hub is told.
  #   @param options [String] JSON: config, force
  #   @return [String] JSON of the report
  # @api private
  module Native
    # @!parse
    #   # The running agent; made, started and stopped once. Any thread may call it.
    #   class Agent
    #     # @param config_path [String, nil]
    #     def initialize(config_path); end
    #     # @return [String] JSON about the agent
    #     # @raise [ConfigurationError, ForkError]
    #     def start; end
    #     # @param timeout_ms [Integer]
    #     # @return [String, nil] JSON of the next event; nil when the time is over
    #     # @raise [NotStartedError] after {#stop}
    #     def next_event(timeout_ms); end
    #     # @param operation [String]
    #     # @param body [String] JSON
    #     # @param timeout_ms [Integer]
    #     # @return [String] JSON
    #     def call(operation, body, timeout_ms); end
    #     # @param grace_ms [Integer] what work in hand is given
    #     # @return [String] JSON
    #     def stop(grace_ms); end
    #   end
    #
    #   # Calls to the agent of this node over its local socket, or of an operator to a hub; connects at the first call.
    #   # Any thread may use it.
    #   class Client
    #     # @param options [String] JSON with "socket" and "data_dir", or with "operator", the folder of its identity
    #     def initialize(options); end
    #     # @param operation [String]
    #     # @param body [String] JSON
    #     # @param timeout_ms [Integer]
    #     # @return [String] JSON
    #     # @raise [ConnectionError] when no agent answers
    #     def call(operation, body, timeout_ms); end
    #     # Calls a method of a node's API. Arguments, result and yields are texts of JSON, handed through as they are.
    #     # @param request [String] JSON: node, api, method and what else CallRequest in proto/flock/v1/common.proto has
    #     # @param arguments [String] a JSON array
    #     # @param timeout_ms [Integer]
    #     # @return [Array] result, topic, version, polled, fault, yields, stream
    #     # @raise [Error] when it could not be called
    #     def invoke(request, arguments, timeout_ms); end
    #     # Hands over a notification; with no agent there, to its spool.
    #     # @param draft [String] JSON
    #     # @param timeout_ms [Integer]
    #     # @return [String] JSON with "where": "outbox" or "spool"
    #     def append(draft, timeout_ms); end
    #   end
    #
    #   # The stream of a process in which APIs live; connected once. Any thread may use it.
    #   class Host
    #     # @param socket [String] the agent's local socket
    #     def initialize(socket); end
    #     # @param hello [String] JSON: token, pid, apis, problems, as HostHello in proto/flock/v1/local.proto
    #     # @param timeout_ms [Integer]
    #     # @raise [ConnectionError, DeniedError]
    #     def connect(hello, timeout_ms); end
    #     # @param timeout_ms [Integer]
    #     # @return [String, nil] JSON: "type" is "call", "cancel" or "stop"; nil when the time is over
    #     # @raise [ConnectionError] with code "closed" when the agent has ended the stream
    #     def next_call(timeout_ms); end
    #     # @param rpc_id [Integer] of the call
    #     # @param reply [String] JSON: result (JSON text), fault, or kind, code and message; accepted
    #     def reply(rpc_id, reply); end
    #     # @param api [String] something of it changed
    #     def changed(api); end
    #   end

    # Finds the library: packed for several Rubies, as compiled, or as RubyGems keeps it beside the gem.
    module Loader
      # Where the library may be, in the order of looking.
      PLACES = [
        File.join(__dir__, RUBY_VERSION[/\d+\.\d+/], "flock_of_chefs"),
        File.join(__dir__, "flock_of_chefs"),
        "flock_of_chefs/flock_of_chefs"
      ].freeze

      # @return [void]
      # @raise [LoadError] with the remedy, when there is no library
      def self.call(places = PLACES)
        failures = []
        return if places.any? { |place| attempt(place, failures) }

        raise LoadError, "flock_of_chefs: the native extension is not built for Ruby #{RUBY_VERSION} " \
                         "(#{failures.join("; ")}). In a checkout run `rake compile`; " \
                         "for an installed gem run `gem pristine flock_of_chefs`, or, if it was installed for " \
                         "another Ruby, `gem install flock_of_chefs` with this one (#{RbConfig.ruby})."
      end

      def self.attempt(place, failures)
        require place
        true
      rescue LoadError => e
        failures << e.message.lines.first.chomp
        false
      end
      private_class_method :attempt
    end

    Loader.call
  end
end
