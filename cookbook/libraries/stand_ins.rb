module FlockOfChefsCookbook
  # What stands in for the words and for `FlockOfChefs` where they have no effect: each place that uses one is logged
  # once, and that is all.
  class StandIns
    WORDS = %i(remote_notifies remote_subscribes wait_until wait_while).freeze

    # @param reason [String] why there is no effect, and until when
    def initialize(reason)
      @reason = reason
      @said = {}
    end

    # A module for Chef::Resource. What is included later wins: the real words over these, or these over the real ones.
    #
    # @return [Module]
    def words
      stand_ins = self
      @words ||= Module.new do
        WORDS.each do |word|
          define_method(word) do |*, **, &_|
            stand_ins.say("#{word} of #{self}")
            true
          end
        end
      end
    end

    # A module for FlockOfChefs itself.
    #
    # @return [Module]
    def handles
      stand_ins = self
      @handles ||= Module.new do
        { :[] => true, me: true, get: true, nodes: [], search: [], changed: nil, wait_timeout: 0, :wait_timeout= => nil }
          .each do |name, value|
          define_method(name) do |*arguments, **|
            next value unless value == true

            shown = arguments.map(&:inspect).join(', ')
            Handle.new(stand_ins, name == :[] ? "FlockOfChefs[#{shown}]" : "FlockOfChefs.#{[name, *arguments].join(' ')}")
          end
        end
      end
    end

    # Takes the effect of all modules away again.
    #
    # @return [void]
    def withdraw
      [@words, @handles].compact.each do |mod|
        mod.instance_methods(false).each { |name| mod.send(:remove_method, name) }
      end
    end

    # One line for each place.
    #
    # @param what [String]
    # @return [void]
    def say(what)
      place = caller_locations.find { |frame| frame.path != __FILE__ }
      where = place && "#{place.path}:#{place.lineno}"
      return if @said.key?([what, where])

      @said[[what, where]] = true
      Chef::Log.warn("flock_of_chefs: #{what} does nothing: #{@reason} (#{where})")
    end

    # A node, an API or an answer that is not there.
    class Handle < BasicObject
      PASSED_ON = %i([] with_timeout async future crash_on_error).freeze

      def initialize(stand_ins, called)
        @stand_ins = stand_ins
        @called = called
      end

      def nil?
        true
      end

      def !
        true
      end

      def ==(other)
        other.nil? || equal?(other)
      end

      def inspect
        @called
      end
      alias_method :to_s, :inspect

      def respond_to?(*)
        true
      end

      def method_missing(name, *arguments)
        return Handle.new(@stand_ins, "#{@called}#{name == :[] ? arguments.inspect : ".#{name}"}") if PASSED_ON.include?(name)

        @stand_ins.say("#{@called}.#{name}") unless @called.include?('.future.')
        # `future.count.value`: what a future answers is asked for once more.
        @called.end_with?('.future') ? Handle.new(@stand_ins, "#{@called}.#{name}") : nil
      end

      def respond_to_missing?(*)
        true
      end
    end
  end

  # Constants that libraries and recipes name while the gem is not there yet. None is set, so that the gem can.
  module MissingConstants
    ERROR = Class.new(StandardError)

    # Stands in for FlockOfChefs::Api: the class is an ordinary one.
    module Api
      # The words of an API's class.
      module Form
        %i(api_name concurrency expose help queue).each { |word| define_method(word) { |*, **| nil } }
      end

      def self.included(base)
        super
        base.extend(Form)
        Chef::Log.warn("flock_of_chefs: #{base} is no API in this run, which installs the gem; it is from the next run on")
      end
    end

    def const_missing(name)
      return Api if name == :Api
      return ERROR if name.to_s.end_with?('Error')

      super
    end
  end
end
