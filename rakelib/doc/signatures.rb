# frozen_string_literal: true

require "pathname"
require "rbs"
require_relative "documentation"

# What signatures say, beside what is documented as public and what is really there.
class Signatures
  FILES = Dir["#{Documentation::ROOT}/sig/**/*.rbs"].freeze
  # Ruby's own; their signatures are inherited.
  INHERITED = %w[initialize inspect to_s to_h to_json == eql? hash method_missing respond_to_missing? included].freeze
  # They follow classes of others: the Celluloid gem, and knife, whose commands nobody calls.
  FOREIGN = /\A(?:Celluloid|Chef)\b/

  # One method: where it is, and its overloads.
  Entry = Struct.new(:owner, :kind, :name, :types) do
    def path = "#{owner}#{kind == "singleton" ? "." : "#"}#{name}"
  end

  # @param files [Array<String>]
  def initialize(files = FILES)
    @declarations = {}
    files.each do |file|
      _, _, declared = RBS::Parser.parse_signature(RBS::Buffer.new(name: Pathname(file), content: File.read(file)))
      declared.each { |declaration| collect(declaration, "") }
    end
  end

  # @return [Array<String>] public methods, and those of the extension, that have no signature
  def missing
    signed = entries.map(&:path)
    Documentation.objects(:method).select { |method| required?(method) }.map { |method| path(method) } - signed
  end

  # @return [Array<String>] signatures of what is not there, or is called otherwise
  def wrong
    absent = @declarations.keys.reject { |name| Documentation.surface.key?(name) }
    absent.map { |name| "#{name}: there is no such class or module" } + entries.filter_map { |entry| fault(entry) }
  end

  private

  def path(method) = "#{method.namespace.path}#{method.scope == :class ? "." : "#"}#{method.name}"

  def required?(method)
    return false if method.path.match?(FOREIGN) || INHERITED.include?(method.name.to_s)

    Documentation.public?(method) || (method.path.match?(Documentation::NATIVE) && method.visibility == :public)
  end

  def collect(declaration, namespace)
    return unless [RBS::AST::Declarations::Class, RBS::AST::Declarations::Module].include?(declaration.class)

    name = [namespace, declaration.name.to_s].reject(&:empty?).join("::")
    (@declarations[name] ||= []).concat(declaration.members)
    declaration.members.each { |member| collect(member, name) }
  end

  def entries
    @entries ||= @declarations.flat_map do |owner, members|
      members.flat_map { |member| names(member).map { |name| entry(owner, member, name) } }
    end
  end

  def entry(owner, member, name)
    kind = member.respond_to?(:kind) && member.kind == :singleton ? "singleton" : "instance"
    types = member.overloads.map { |one| one.method_type.type } if member.is_a?(RBS::AST::Members::MethodDefinition)
    Entry.new(owner, kind, name, Array(types))
  end

  def names(member)
    case member
    when RBS::AST::Members::MethodDefinition, RBS::AST::Members::AttrReader then [member.name.to_s]
    when RBS::AST::Members::AttrWriter then ["#{member.name}="]
    when RBS::AST::Members::AttrAccessor then [member.name.to_s, "#{member.name}="]
    when RBS::AST::Members::Alias then [member.new_name.to_s]
    else []
    end
  end

  def fault(entry)
    about = Documentation.surface[entry.owner] or return
    method = about[entry.kind][entry.name]
    made = entry.name == "initialize" && about["class"]
    if method.nil? then ("#{entry.path}: there is no such method" unless made)
    elsif !method["public"] && !made then "#{entry.path}: is private"
    else differing(entry, method["parameters"])
    end
  end

  def differing(entry, parameters)
    types = entry.types.reject { |type| Call.new(type).fits?(parameters) }
    "#{entry.path}: takes #{parameters}, not (#{types.join(" | ")})" if types.any?
  end

  # Whether what a signature promises to take is taken.
  class Call
    def initialize(type) = @type = type

    # @param parameters [Array<Array<String>>] as Ruby tells them
    def fits?(parameters)
      return true unless @type.respond_to?(:required_positionals) # (?) -> untyped
      return true if parameters == [["rest"]] # native, of any arity

      positionals?(parameters) && keywords?(parameters)
    end

    private

    def count(parameters, *kinds) = parameters.count { |kind, _| kinds.include?(kind) }

    def positionals?(parameters)
      least = @type.required_positionals.size + @type.trailing_positionals.size
      rest = count(parameters, "rest").positive?
      return false if least < count(parameters, "req") || (@type.rest_positionals && !rest)

      rest || least + @type.optional_positionals.size <= count(parameters, "req", "opt")
    end

    def keywords?(parameters)
      required = @type.required_keywords.keys.map(&:to_s)
      return false unless (named(parameters, "keyreq") - required).empty?
      return true if count(parameters, "keyrest").positive?

      optional = @type.optional_keywords.keys.map(&:to_s)
      @type.rest_keywords.nil? && (required + optional - named(parameters, "keyreq", "key")).empty?
    end

    def named(parameters, *kinds) = parameters.filter_map { |kind, name| name if kinds.include?(kind) }
  end
end
