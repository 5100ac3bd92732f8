# frozen_string_literal: true

# Prints what of the gem is there at run time, as JSON: by class or module, constants and methods with their parameters.
# A program of its own, since it loads Chef, ChefSpec and every file.
require "json"
require "chef"
require "chefspec"
require "flock_of_chefs/chef"
require "flock_of_chefs/chefspec"

# Walks through the constants.
class Surface
  LIB = File.expand_path("../../lib", __dir__)
  # They are what a process runs, and begin at once; or take the place of a gem.
  PROGRAMS = %w[remote/subprocess_main].map { |name| "#{LIB}/flock_of_chefs/#{name}.rb" }.freeze

  def self.load_all
    (Dir["#{LIB}/**/*.rb"].sort - PROGRAMS).each { |file| require file }
  end

  def initialize = @found = {}

  # @param mod [Module]
  # @return [Hash{String=>Hash}]
  def walk(mod)
    name = name_of(mod)
    return @found if @found.key?(name)

    @found[name] = { kind: mod.class.name, constants: mod.constants(false), instance: instance(mod),
                     singleton: singleton(mod) }
    mod.constants(false).sort.map { |constant| mod.const_get(constant) }.grep(Module)
       .each { |inner| walk(inner) if name_of(inner)&.start_with?("#{name}::") }
    @found
  end

  private

  # Some of ours have a method called so.
  def name_of(mod) = Module.instance_method(:name).bind_call(mod)

  def instance(mod)
    methods = mod.instance_methods(false) + mod.private_instance_methods(false)
    methods.sort.to_h { |name| [name, about(mod.instance_method(name), mod.public_method_defined?(name))] }
  end

  def singleton(mod)
    single = mod.singleton_class
    methods = single.instance_methods(false) + single.private_instance_methods(false)
    methods.sort.to_h { |name| [name, about(single.instance_method(name), single.public_method_defined?(name))] }
  end

  def about(method, public) = { public:, parameters: method.parameters }
end

Surface.load_all
puts JSON.generate(Surface.new.walk(FlockOfChefs))
