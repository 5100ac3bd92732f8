# frozen_string_literal: true

require_relative "../recipe/source"

module FlockOfChefs
  module Run
    # Why a run failed, as other nodes may know it: a message may quote values, and stays in Chef's log.
    module Failure
      class << self
        # @param exception [Exception]
        # @param resource [Chef::Resource, nil] the one that failed
        # @return [String] such as +"Mixlib::ShellOut::ShellCommandFailed in execute[x] (app::default line 7)"+
        def describe(exception, resource)
          where = place(resource) if resource
          [cause(exception).class.name, where].compact.join(" in ")
        rescue StandardError
          "an error that cannot be described"
        end

        private

        # Chef wraps what it collected.
        def cause(exception)
          first = exception.respond_to?(:wrapped_errors) ? exception.wrapped_errors.first : nil
          first || exception
        end

        def place(resource)
          recipe = Recipe::Naming.recipe(resource)
          key = Recipe::Source.shown_key(resource)
          recipe.empty? ? key : "#{key} (#{recipe} line #{resource.source_line_number.to_i})"
        end
      end
    end
  end
end
