# frozen_string_literal: true

# Prints what of the gem is there at run time, as JSON: by class or module, constants and methods with their parameters.
# A program of its own, since it loads Chef, ChefSpec and every file; see Documentation.
require "json"
require "chef"
require "chefspec"
require "flock_of_chefs/chef"
require "flock_of_chefs/chefspec"

# Walks through the constants.
class Surface
  LIB = File.expand_path("../../lib", __dir__)
  # What begins at once when it is loaded.
  PROGRAMS = ["#{LIB}/flock_of_chefs/remote/subprocess_main.rb"].freeze

  # @return [Array<Module>] where the gem's constants are
  def self.roots
    # Outer files first: they load what the inner ones rely on.
    (Dir["#{LIB}/**/*.rb"] - PROGRAMS).sort_by { |file| [file.count("/"), file] }.each { |file| require file }
    knife = Object.const_defined?(:Chef) && Chef.const_defined?(:Knife) ? Chef::Knife.constants.grep(/\AFlock/) : []
    [FlockOfChefs, Celluloid, *knife.map { |name| Chef::Knife.const_get(name) }]
  end

  def initialize = @found = {}

  # @return [Hash{String=>Hash}] by name
  def walk(mods)
    mods.each { |mod| note(mod) unless @found.key?(name_of(mod)) }
    @found
  end

  private

  def note(mod)
    name = name_of(mod)
    @found[name] = { class: mod.is_a?(Class), constants: mod.constants(false) + mod.singleton_class.constants(false),
                     instance: methods_of(mod), singleton: methods_of(mod.singleton_class) }
    walk(mod.constants(false).sort.map { |constant| mod.const_get(constant) }.grep(Module)
            .select { |inner| name_of(inner)&.start_with?("#{name}::") })
  end

  # Some of ours have a method called so.
  def name_of(mod) = Module.instance_method(:name).bind_call(mod)

  # Its own, and those of our modules that it takes in.
  def methods_of(mod)
    taken_in = mod.ancestors.grep_v(Class).select { |each| name_of(each)&.start_with?("FlockOfChefs") }
    ours = [mod] | taken_in
    names = ours.flat_map { |each| each.instance_methods(false) + each.private_instance_methods(false) }.uniq
    names.sort.to_h do |name|
      [name, { public: mod.public_method_defined?(name), parameters: mod.instance_method(name).parameters }]
    end
  end
end

puts JSON.generate(Surface.new.walk(Surface.roots))
