# frozen_string_literal: true

require_relative "../../monotonic"

module Celluloid
  # Keeps an actor, under a name if it has one: when an exception ends it, another takes its place, after a pause that
  # grows as long as they do not live.
  class Supervisor
    include FlockOfChefs::Monotonic

    # Seconds after which an actor counts as one that lives.
    LIVES_S = 60
    # The longest pause.
    PAUSE_LIMIT_S = 60
    # For all actors to end.
    SHUTDOWN_S = 10

    @all = []
    @lock = Mutex.new

    class << self
      # @param name [Symbol]
      # @return [Proxy, nil] nil also while there is none, between two
      def find(name) = all.reverse.find { |one| one.name == name }&.proxy

      # @return [Array<Symbol>]
      def names = all.filter_map(&:name).uniq

      # @return [void]
      def shutdown
        deadline = FlockOfChefs::Monotonic.now + SHUTDOWN_S
        actors = all.each(&:stop).filter_map(&:actor)
        actors.each { |actor| actor.join([deadline - FlockOfChefs::Monotonic.now, 0].max) }
      end

      # @param supervisor [Supervisor]
      def add(supervisor) = @lock.synchronize { @all << supervisor }

      private

      def all = @lock.synchronize { @all.dup }
    end

    # @return [Symbol, nil]
    attr_reader :name
    # @return [Actor, nil] the present one
    attr_reader :actor

    # @yieldreturn [Proxy] of a new actor
    # @raise [Exception] what making the first one raises
    def initialize(name, &make)
      @name = name
      @make = make
      @failures = 0
      start
      self.class.add(self)
    end

    # @return [Proxy, nil]
    def proxy = (actor&.proxy if actor&.alive?)

    # Keeps none any more.
    #
    # @return [void]
    def stop
      @stopped = true
      actor&.terminate
    end

    private

    def start
      @since = now
      @actor = @make.call.__actor__
      @actor.at_end { |error| ended(error) }
    end

    # On the thread of the actor that has ended.
    def ended(error)
      return if error.nil? || @stopped

      Celluloid.logger.error("#{@name || "an actor"} crashed: #{error.full_message(highlight: false)}")
      Thread.new { start_again }
    end

    def start_again
      @failures = now - @since > LIVES_S ? 0 : @failures + 1
      begin
        sleep([2**(@failures - 2), PAUSE_LIMIT_S].min) if @failures > 1
        start unless @stopped
      rescue StandardError, ScriptError => e
        Celluloid.logger.error("#{@name || "an actor"} does not start: #{e.message}")
        @failures += 1
        retry
      end
    end
  end
end
