# frozen_string_literal: true

require_relative "waits"
require_relative "../run/call_site"

module FlockOfChefs
  module Recipe
    # The words +wait_until+ and +wait_while+.
    # @api public
    module WaitWords
      # Before this resource does anything, waits until the block answers true: after its guards, in Chef runs only (a
      # why-run and ChefSpec do not wait).
      #
      #     file "/opt/human_flag" do
      #       wait_until { FlockOfChefs[:bender].killed_all_humans? }
      #     end
      #     execute "migrate" do
      #       wait_until(message: "for the database") { FlockOfChefs["db"][:flock_api].state == :succeeded }
      #     end
      #
      # The block is asked again at once when something that it read of other nodes has changed, and for all else after
      # +pause+ seconds, then at growing pauses up to ten. A node or an API that is not there yet is
      # waited for, too. In a worker it is asked once: if it is not so, the whole action is tried again later.
      #
      # @param pause [Numeric, nil] seconds; see above
      # @option options [Numeric] :timeout seconds; default {FlockOfChefs.wait_timeout}, ten minutes
      # @option options [Symbol] :on_timeout +:fail+ (the default), +:skip+ this resource, or +:continue+ with it
      # @option options [String] :message what is waited for, for people
      # @option options [Numeric] :stable_for seconds that it must have been so without a break
      # @yieldreturn [Object]
      # @return [true]
      # @raise [ConfigurationError] at compile time, with the recipe's file and line, if it is written wrongly
      def wait_until(pause = nil, **options, &block)
        WaitWords.declare(:wait_until, self, pause, options, block, caller_locations(1, 1).first)
      end

      # As {#wait_until}, but waits as long as the block answers true.
      #
      # @param pause [Numeric, nil]
      # @option options [Numeric] :timeout
      # @option options [Symbol] :on_timeout
      # @option options [String] :message
      # @option options [Numeric] :stable_for
      # @yieldreturn [Object]
      # @return [true]
      # @raise [ConfigurationError]
      def wait_while(pause = nil, **options, &block)
        WaitWords.declare(:wait_while, self, pause, options, block, caller_locations(1, 1).first)
      end

      # Reads what is written and keeps it for the resource's provider.
      #
      # @api private
      # @return [true]
      # @raise [ConfigurationError]
      def self.declare(word, resource, pause, options, block, location)
        place = "#{Run::CallSite.name(location.path)}:#{location.lineno}"
        Waits.for(resource.run_context)&.add(resource, Wait.parse(word, pause, options, block, place))
        true
      rescue ArgumentError => e
        raise ConfigurationError.new("#{location.path}:#{location.lineno}: #{word} of #{resource}: #{e.message}",
                                     code: "invalid_wait")
      end
    end
  end
end
