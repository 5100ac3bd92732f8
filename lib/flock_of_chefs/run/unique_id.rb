# frozen_string_literal: true

require "securerandom"

module FlockOfChefs
  module Run
    # UUIDs of version 7 without native code, for a worker's child. Ruby has its own from 3.3.
    module UniqueId
      # @return [String] for example +"0190a6e5-9c1c-7d3e-8f4a-3b2c1d0e9f8a"+
      def self.generate
        millis = format("%012x", Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond))
        random = SecureRandom.hex(10)
        variant = (8 + (random[3].hex % 4)).to_s(16)
        "#{millis[0, 8]}-#{millis[8, 4]}-7#{random[0, 3]}-#{variant}#{random[4, 3]}-#{random[7, 12]}"
      end
    end
  end
end
