# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Makes an error fit to leave the node: its class and the first line of its message, without property values,
    # without output of commands, diffs and anything quoted. Of sensitive resources only the class is told.
    module Redaction
      # Longest message.
      LIMIT_BYTES = 1024
      # What stands for what is hidden.
      HIDDEN = "[hidden]"
      # Ruby's own messages quote values: +undefined method `x' for "secret":String+.
      QUOTED = /"(?:[^"\\]|\\.)*"?/
      # Inspected objects, such as +#<Chef::Resource ...>+, and what follows: they nest, and may be cut.
      OBJECT = /#<.*/m
      # What a resource holds that is no property of its user's making.
      INTERNAL = %i[@run_context @node @logger @allowed_actions @resource_name @source_line @cookbook_name @recipe_name
                    @declared_type @name @action @enclosing_provider @params @provider].freeze

      class << self
        # @param error [Exception]
        # @param resources [Array<Chef::Resource>] those that failed; their property values are hidden
        # @return [String] at most {LIMIT_BYTES}
        def message(error, resources)
          return error.class.name if resources.any? { |resource| sensitive?(resource) }

          text = "#{error.class.name}: #{hide(first_line(error), resources)}"
          text.byteslice(0, LIMIT_BYTES).scrub("")
        end

        private

        def first_line(error)
          error.message.to_s.dup.force_encoding(Encoding::UTF_8).scrub.lstrip.lines.first.to_s.chomp
        end

        def hide(text, resources)
          names = resources.map { |resource| resource.name.to_s }
          values = resources.flat_map { |resource| values(resource) }.uniq - names
          pattern = Regexp.union(values.sort_by { |value| -value.size }.map { |value| exactly(value) })
          text.gsub(pattern, HIDDEN).gsub(QUOTED, HIDDEN).gsub(OBJECT, HIDDEN)
        end

        # Short values would shred the words around them.
        def exactly(value) = value.size < 4 ? /(?<!\w)#{Regexp.escape(value)}(?!\w)/ : /#{Regexp.escape(value)}/

        def values(resource)
          ivars = resource.instance_variables - INTERNAL
          ivars.flat_map { |ivar| strings(value(resource, ivar), 4) }
        end

        # A lazy value is as secret as any other; Chef, too, evaluates it at every look.
        def value(resource, ivar)
          value = resource.instance_variable_get(ivar)
          value.is_a?(Chef::DelayedEvaluator) ? resource.public_send(ivar.to_s.delete_prefix("@")) : value
        rescue StandardError
          nil
        end

        def strings(value, depth)
          case value
          when String then value.scrub.lines.map(&:strip).reject(&:empty?)
          when 1000.. then [value.to_s] # smaller numbers are exit codes, ports and the like
          when Hash, Array then inner_strings(value, depth)
          else []
          end
        end

        def inner_strings(values, depth)
          depth > 1 ? values.to_a.flat_map { |value| strings(value, depth - 1) } : []
        end

        def sensitive?(resource)
          resource.sensitive
        rescue StandardError
          true
        end
      end
    end
  end
end
