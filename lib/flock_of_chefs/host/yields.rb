# frozen_string_literal: true

require_relative "../calls/value"
require_relative "../errors"
require_relative "refused"

module FlockOfChefs
  module Host
    # The block of a call whose caller takes what the method yields. It returns when there is room for more, and then
    # nil.
    class Yields
      # What may be on the way (YIELD_WINDOW_BYTES of ext/flock_core/src/limits/calls.rs).
      WINDOW_BYTES = 256 * 1024
      # What one yield counts beside its JSON (YIELD_VALUE_BYTES there).
      VALUE_BYTES = 64

      # @param call [Api::Call]
      # @param what [String] for errors
      # @yieldparam values [String] a JSON array
      def initialize(call, what, &send)
        @call = call
        @what = what
        @send = send
        @lock = Mutex.new
        @changed = ConditionVariable.new
        @room = WINDOW_BYTES
      end

      # @return [Proc] that keeps arrays as they are
      def to_proc = method(:give).to_proc

      # @param bytes [Integer] that the caller has taken
      # @return [void]
      def taken(bytes)
        @lock.synchronize do
          @room += bytes
          @changed.broadcast
        end
      end

      # Has {#give} look whether anybody still wants it.
      #
      # @return [void]
      def wake = @lock.synchronize { @changed.broadcast }

      private

      # The last one within the window may be of any size.
      def give(*values)
        text = dumped(values)
        @lock.synchronize do
          @changed.wait(@lock, @call.left_s) until @room.positive? || @call.left_s.zero?
          nobody if @call.left_s.zero?
          @room -= text.bytesize + VALUE_BYTES
        end
        @send.call(text)
        nil
      end

      def dumped(values)
        Refused.when_raised do
          texts = values.each_with_index.map do |value, n|
            Calls::Value.dump(value, "value #{n + 1} that #{@what} yields")
          end
          "[#{texts.join(",")}]".tap { |text| too_large(text) if text.bytesize > Calls::Value::MAX_BYTES }
        end
      end

      def too_large(text)
        raise ProtocolError.new("what #{@what} yields has #{text.bytesize} bytes", code: "too_large")
      end

      def nobody = raise(TimeoutError.new("nobody takes what #{@what} yields any more", code: "cancelled"))
    end
  end
end
