# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require "set" # which YARD forgets to require, and Ruby does by itself from 3.2 on
require "yard"

# What YARD has read of lib/, beside what is really there.
module Documentation
  ROOT = File.expand_path("../..", __dir__)
  # {Name} or {Name text}, but no Hash{A=>B} and no code.
  LINK = /(?<![\w\\+`])\{([A-Z#][\w:#.?!=\[\]]*)(?:\s[^}]*)?\}/

  NATIVE = /\AFlockOfChefs::Native(?!::(?:Probe|Loader))/

  class << self
    # @return [Hash{String=>Hash}] see surface.rb
    def surface
      @surface ||= begin
        load_path = %w[lib spec/support/chefspec_shim].map { |folder| "-I#{ROOT}/#{folder}" }
        command = [RbConfig.ruby, "-W0", *load_path, "#{__dir__}/surface.rb"]
        out, err, status = Open3.capture3(*command, chdir: ROOT)
        status.success? ? JSON.parse(out) : raise("surface.rb: #{err}")
      end
    end

    # @return [Array<YARD::CodeObjects::Base>] what is documented
    def objects(*types)
      @registry ||= Dir.chdir(ROOT) do
        YARD::Logger.instance.level = YARD::Logger::ERROR
        YARD::Registry.clear
        YARD.parse("lib/**/*.rb")
      end
      YARD::Registry.all(*types)
    end

    # @param object [YARD::CodeObjects::Base]
    # @return [Boolean] whether users may rely on it
    def public?(object)
      around = [object]
      around << around.last.namespace until around.last.namespace.nil? || around.last.namespace.root?
      object.visibility == :public && around.filter_map { |each| each.tag(:api)&.text }.first != "private"
    end

    # @return [Array<String>] what is documented but is not there
    def stale
      objects(:class, :module, :constant, :method).reject { |object| hidden?(object) || there?(object) }
                                                  .map { |object| at(object) }
    end

    # @return [Array<String>] links that lead nowhere
    def broken
      objects.flat_map do |object|
        from = object.is_a?(YARD::CodeObjects::NamespaceObject) ? object : object.namespace
        text = [object.docstring, *object.tags.map(&:text)].join("\n")
        text.scan(LINK).flatten.reject { |name| YARD::Registry.resolve(from, name, true, true) }
            .map { |name| "#{at(object)}: {#{name}}" }
      end
    end

    # @return [Array<String>] methods of the extension that nobody has documented; only the tests have its Probe
    def undocumented_native
      documented = objects(:method).map(&:path)
      paths = surface.select { |name, _| name.match?(NATIVE) }.flat_map { |name, about| paths_in(name, about) }
      paths.reject { |path| documented.include?(path) || path.end_with?(".new") }
    end

    private

    def paths_in(name, about)
      about["instance"].keys.map { |key| "#{name}##{key}" } + about["singleton"].keys.map { |key| "#{name}.#{key}" }
    end

    # Ruby does not tell a private constant.
    def hidden?(object) = object.type == :constant && object.visibility == :private

    def there?(object)
      case object.type
      when :class, :module then surface.key?(object.path)
      when :constant then member?(object, "constants")
      else method_there?(object)
      end
    end

    def method_there?(object)
      return member?(object, "singleton") if object.scope == :class

      member?(object, "instance") || (object.constructor? && surface.dig(object.namespace.path, "class"))
    end

    def member?(object, kind) = surface.dig(object.namespace.path, kind)&.include?(object.name.to_s)

    def at(object) = "#{object.path} (#{object.file}:#{object.line})"
  end
end
