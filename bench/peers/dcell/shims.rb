# frozen_string_literal: true

# What DCell 0.16.1, written for Ruby 2, needs on Ruby 3.1; loaded after it. Besides, redis must be older than 5.
#
# Its nodes forward to an actor by Forwardable, which has come to ask first whether the actor has the method. A proxy of
# an actor cannot tell; Forwardable takes the method for private and prints a warning with each message. So they forward
# as they did.
class << DCell::Node
  %i[all each find [] remove update heartbeat_rate heartbeat_timeout].each do |name|
    define_method(name) { |*arguments, &block| Celluloid::Actor[:node_manager].public_send(name, *arguments, &block) }
  end
end
