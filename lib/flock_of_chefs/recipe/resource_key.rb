# frozen_string_literal: true

require_relative "limits"

module FlockOfChefs
  module Recipe
    # The name of a resource on another node: what its recipe says, +type[name]+.
    #
    # Chef's own check is too lenient here: it takes +"execute"+ and reads +"execute[a,b]"+ as two resources if it finds
    # no single one, while the other node's resources cannot be looked at when the recipe is compiled.
    module ResourceKey
      # +type[name]+.
      FORM = /\A(?<type>[a-z_]\w*)\[(?<name>.*)\]\z/mi
      # Two or more words with commas and no blanks between them.
      LIST = /\A[^\s,]+(?:,[^\s,]+)+\z/

      class << self
        # @param spec [String, Hash] +"type[name]"+, or +{ "type" => "name" }+, where the name may be any text
        # @return [String] +type[name]+
        # @raise [ArgumentError] what is wrong and what to write instead
        def parse(spec)
          key = spec.is_a?(Hash) ? from_hash(spec) : from_string(spec)
          return -key if key.bytesize <= Limits::KEY_BYTES

          raise ArgumentError, "the resource name has #{key.bytesize} bytes; at most #{Limits::KEY_BYTES} are possible"
        end

        private

        def from_hash(spec)
          type, name = spec.first
          unless spec.size == 1 && name.is_a?(String) && name.valid_encoding? && FORM.match?("#{type}[]")
            raise ArgumentError, "#{spec.inspect} is not one resource; write { \"type\" => \"name\" }"
          end

          "#{type}[#{name}]"
        end

        def from_string(spec)
          match = FORM.match(spec) if spec.is_a?(String) && spec.valid_encoding?
          raise ArgumentError, "#{describe(spec)} is not a resource; write 'type[name]'" unless match

          refuse_list(match) if LIST.match?(match[:name])
          spec
        end

        def refuse_list(match)
          raise ArgumentError, "'#{match}' reads like a list; write the word once for each resource, or " \
                               "{ #{match[:type].inspect} => #{match[:name].inspect} } if that is one name"
        end

        def describe(spec) = spec.is_a?(::Chef::Resource) ? "the resource object #{spec}" : spec.inspect
      end
    end
  end
end
